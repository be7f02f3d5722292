"""The database's history: ordered, reversible steps in SQL files, each saying on which side of a deploy it runs."""
