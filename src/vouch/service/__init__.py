"""The score service: payloads, answers, refusals, and the BentoML service that carries them."""
