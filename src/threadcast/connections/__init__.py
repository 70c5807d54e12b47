"""One WebSocket: its handshake, its authentication and end, its life, its commands."""
