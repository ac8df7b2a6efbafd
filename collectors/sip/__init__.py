"""The SIP vocabulary: messages, URIs, timers. Pure; the only copy of RFC constants."""
