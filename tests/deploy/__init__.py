"""The files by which the program is deployed: what they promise, checked by the tools that read them."""
