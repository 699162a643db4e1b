"""Who does what among several controllers: sessions, claims, and the proof that there are never two."""
