"""Live sockets: one `Connection` each, the `Registry` of this node, and what is done over them."""
