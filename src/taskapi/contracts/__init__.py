"""The only ground on which two domains meet: who is calling, what happened, and who is who."""
