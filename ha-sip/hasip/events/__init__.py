"""What happened: one class an event, a bus that tells it, and its JSON shape."""
