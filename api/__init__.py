"""The doors: HTTP, WebSocket, auth, settings and the web page. No media is touched here."""
