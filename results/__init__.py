"""What happened: tables of records, their store and their statistics."""
