"""What a developer's machine needs around the site; nothing here runs in production."""
