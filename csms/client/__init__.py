"""What talks to a running central system from outside, over HTTP."""
