"""The soak: everything imports over and over while a seeded adversary breaks everything, and then it is all counted.

    python -m tests.soak --seconds 1200 --seed 1          (make soak)

plan       what one soak is: its length, seed, sizes, paces
feeds      five boards, whose listings change from generation to generation, behind a server that misbehaves
oracle     what each run must have counted, told from the feeds alone
site       all the parts of one soak, and its journal; waiting: while servers may be away
proxy      a TCP proxy in a process of its own: cuts, refuses, goes silent
members    three mongods as a replica set, each known to all only by its proxy
crew       worker processes, started again whenever they end
adversary  the faults, in an order and of kinds that the seed decides
watch      progress, stalls, and how long work lay after a kill
drivers    a source's imports, one after the other; each is judged by the oracle
checks     what must hold at the end
soak       all of it together; report says how it went
"""
