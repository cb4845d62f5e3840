"""What the gateway can be told to do, from wherever it is told."""
