"""What is known as rows of tables, one module a subject. Pure."""
