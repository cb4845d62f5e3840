"""MQTT: commands in, events out. The only package that knows paho."""
