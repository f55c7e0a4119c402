"""An SMSC on smpp.twisted3 (run by its own environment): accepts each text, prints it, and sends a receipt."""

import sys

from smpp.pdu.operations import DeliverSM
from smpp.pdu.pdu_types import (
    AddrNpi,
    AddrTon,
    CommandId,
    CommandStatus,
    EsmClass,
    EsmClassMode,
    EsmClassType,
)
from smpp.twisted.config import SMPPServerConfig
from smpp.twisted.protocol import DataHandlerResponse
from smpp.twisted.server import IAuthenticatedSMPP, SMPPServerFactory
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet import reactor
from zope.interface import implementer

RECEIPT = "id:{} sub:001 dlvrd:001 submit date:2503031200 done date:2503031200 stat:DELIVRD err:000 text:"


@implementer(IRealm)
class Realm:
    """Lets in whom the checker knows."""

    def requestAvatar(self, avatar_id, mind, *interfaces):  # noqa: ANN001, ANN002, ANN201, ARG002, N802 - Twisted's name
        return IAuthenticatedSMPP, avatar_id, lambda: None


@implementer(ICredentialsChecker)
class Checker:
    """Knows one ESME; Twisted's own checker looks names up as octets, which the library does not give."""

    credentialInterfaces = (IUsernamePassword,)  # noqa: N815 - Twisted's name

    def requestAvatarId(self, credentials):  # noqa: ANN001, ANN201, N802 - Twisted's name
        if (credentials.username, credentials.password) != ("gateway", "secret1"):
            raise UnauthorizedLogin
        return credentials.username


class Smsc:
    """The handler."""

    def __init__(self) -> None:
        self.number = 0

    def take(self, system_id, session, pdu):  # noqa: ANN001, ANN201, ARG002 - the library's signature
        if pdu.commandId is not CommandId.submit_sm:
            return CommandStatus.ESME_RINVCMDID
        self.number += 1
        message_id = f"twisted-{self.number}"
        print(pdu.params["short_message"].decode(), flush=True)
        receipt = DeliverSM(
            source_addr=pdu.params["destination_addr"],
            source_addr_ton=AddrTon.INTERNATIONAL,
            source_addr_npi=AddrNpi.ISDN,
            destination_addr=pdu.params["source_addr"],
            dest_addr_ton=AddrTon.ALPHANUMERIC,
            esm_class=EsmClass(EsmClassMode.DEFAULT, EsmClassType.SMSC_DELIVERY_RECEIPT),
            short_message=RECEIPT.format(message_id).encode(),
        )
        reactor.callLater(0.01, session.sendDataRequest, receipt)
        return DataHandlerResponse(status=CommandStatus.ESME_ROK, message_id=message_id.encode())


smsc = Smsc()
config = SMPPServerConfig(msgHandler=smsc.take, systems={"gateway": {"max_bindings": 1}})
reactor.listenTCP(int(sys.argv[1]), SMPPServerFactory(config, Portal(Realm(), [Checker()])), interface="127.0.0.1")
reactor.callWhenRunning(print, "ready", flush=True)
reactor.run()
