"""Who acts when the provider tells us something."""

from hmnp.core.context import Actor, ActorType

STRIPE = Actor(type=ActorType.PROVIDER, id="stripe")
