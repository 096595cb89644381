"""The actors, one file each: a mailbox (a lane), the messages it takes, and what it promises.

An actor is plain async code over a `Desk` (what a worker process holds); taskiq binds it to its lane in
service/worker.py.
"""
