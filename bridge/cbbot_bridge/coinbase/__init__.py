"""Everything that knows Coinbase's host: signing, REST, WebSocket, and the request allowance."""
