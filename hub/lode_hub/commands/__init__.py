"""Commands to sites: ordered, approved, signed, sent until they are answered, and proved.

person ─► desk (allowed? possible?) ─► command ─► dispatch (sealed, resent) ─► MQTT ─► agent
                                          ▲                                             │
             pages ◄── truth (stage, counts, proof) ◄── ingest ◄── command states ◄─────┘
"""
