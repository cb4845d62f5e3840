"""`--doctor`: tries everything that the settings name, and says at each step what to change.

Like `gateway.py` it knows all the parts; none of them knows it.
"""
