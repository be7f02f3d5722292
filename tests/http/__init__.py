"""The edge: every answer is named, bounded, hardened and honest, whatever arrives."""
