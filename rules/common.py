"""How much of all articles a word lets through before any was seen: the shipped small table."""

from __future__ import annotations

_EVERYWHERE = """
a al ante as at by com con da das de del des do dos du e el em en et for from in is la las le les
lo los na no nos o of on or os ou para pela pelo por pour que qui se sin sobre su sur that the to
un una und une with y
"""
_MOST = """
and are aux avec be been como cual dans desde era es est esta este esto foi fue ha han has have he
her his it its mais mas mais mi muy nao ne not ni nous pas pero plus por porque sa ser ses si sido
son sont sous sua sus tambien tem their they this tras uma vous was were which will ya
"""
_MANY = """
ano anos ante antes ao aos apres ayer cada cinco comme contra cuando dia dias dice dijo donde dos
durante ele ella ellos entre essa esse estado estan fueron gobierno government gouvernement hasta
hay hoy jours lima lors lunes mais martes mayor menos mes mesmo mientras miercoles millones mismo
more mucho mundo nacional national nueva nuevo nuevos one otra otro otros pais parte people per
personas peru peru peruano poder porque pres presidente president primera primer primero pueden
puede quando quien said segun segunda seis sem semana seu sino sobre solo sont sua tan tanto tem
temps tiempo tiene tienen toda todas todo todos tout tras tres two viernes years
"""

SHARES = (
    dict.fromkeys(_MANY.split(), 20.0)
    | dict.fromkeys(_MOST.split(), 50.0)
    | dict.fromkeys(_EVERYWHERE.split(), 95.0)
)
"""The share of articles, in percent, in which a folded word stands; no figure for all others."""

EVERYWHERE = frozenset(_EVERYWHERE.split())
"""Words that say nothing alone."""
