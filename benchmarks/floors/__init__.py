"""What Django and the database could do at best: bare views, and the least booking there is."""
