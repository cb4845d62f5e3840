"""What the tests and the demo play the other side with."""
