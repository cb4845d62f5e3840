"""Broken input for everything that the gateway reads: `./build.sh fuzz`."""
