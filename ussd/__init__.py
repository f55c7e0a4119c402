"""USSD: string coding and dialects on the wire, dialogues and menus, the service that runs them."""
