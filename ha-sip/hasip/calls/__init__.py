"""What a call does. Knows no pjsua2, no network and no threads."""
