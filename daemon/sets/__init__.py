"""The replicated sets: elements, their join and their garbage collection. Pure."""
