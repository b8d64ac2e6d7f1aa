"""What the procedure is, and the start button.

Rules live here as plain values and functions; they know neither Slack nor a database.
"""
