"""The edge: the OCPP WebSocket, the admin REST, and the routes that join them."""
