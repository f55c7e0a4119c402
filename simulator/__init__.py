"""The operator's side of the wire, for any ESME: SMSC, USSD centre, handsets, partner shops and their faults.

It talks to the program under test over SMPP and HTTP alone and shares nothing but wire code with it.
"""
