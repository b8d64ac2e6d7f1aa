"""What is remembered: tables, named questions per subject, the outbox, encryption, migrations.

Each function takes the transaction first and returns the dataclasses of `bot/incident.py` or of its own file.
"""
