"""Everything around a gateway fails, one after the other, while people telephone."""
