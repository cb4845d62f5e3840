"""Digits that a caller sends as tones in the audio: finding them, and reading the audio for that.

Knows neither pjsua2 nor calls; `sip/` brings the audio and gets the digits.
"""
