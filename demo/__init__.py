"""Shows the main job on embedded parts: `./build.sh demo`."""
