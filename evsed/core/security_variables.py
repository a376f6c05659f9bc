"""The variables of the connection's security, a part of `catalogue.py`."""

from __future__ import annotations

from evsed.core.variables import INT, TEXT, Variable

SECURITY_PROFILE = Variable(
    component="SecurityCtrlr",
    name="SecurityProfile",
    key16="SecurityProfile",
    kind=INT,
    default=0,
    low=0,
    high=3,
    where="central.security_profile",
    help="How the connection is secured: 1 = key, 2 = TLS and key, 3 = TLS and certificate. It only rises.",
)
AUTHORIZATION_KEY = Variable(
    component="SecurityCtrlr",
    name="BasicAuthPassword",
    key16="AuthorizationKey",
    kind=TEXT,
    default="",
    secret=True,
    where="central.password or central.password_file",
    help="The key of security profiles 1 and 2, 16 to 20 bytes in hexadecimal digits; it can't be read.",
)
