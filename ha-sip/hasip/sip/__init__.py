"""The SIP side: the only code that knows pjsua2.

All calls into pjsua2 are made on the loop thread. pjsip's own threads call us back; a callback
copies what it needs, posts it to the loop and returns, because it holds locks of pjsip's.
"""
