"""What must survive a restart, in SQLite or any database that SQLAlchemy knows."""
