"""Makes prompts into WAV files that pjsip can play; the only code that knows pydub."""
