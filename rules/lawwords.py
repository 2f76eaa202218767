"""The folded words by which rules.law knows a citation from a number, in four languages."""

from __future__ import annotations


def _these(words: str) -> frozenset[str]:
    return frozenset(words.split())


LAW = _these("ley leyes law laws lei leis loi lois norma normas act acts")
DECREE = _these("decreto decretos decree decrees decret decrets dleg leg dl")
BILL = _these("proyecto proyectos projeto projetos projet projets bill bills pl")

KIND = _these("""
organica general marco especial penal nacional peruana peruanas peruvienne peruviennes
procrimen pro crimen
""")
"""What may stand between the word law and its number."""

OF_DECREE = _these("""
legislativo legislativos supremo supremos urgencia de ley lei loi law legislative supreme
emergency executivo executive presidencial presidential
""")
OF_BILL = _these("de ley lei loi house senate")

SIGN = _these("n no nro nros num nums numero numeros number numbers nr nos o os")
"""N.º, No., núm. and their kin, cut into words."""

JOIN = _these("y e and et o u or ou")
ARTICLE = _these("la las les the los as a el")

DRAFT = _these("""
proyecto proyectos projeto projetos projet projets anteproyecto anteproyectos propuesta
propuestas proposicion proposiciones proposta propostas proposition propositions
""")
OTHER = _these("decreto decretos decree bill bills fuerza")
"""What makes no law of the law word behind it: decree-law, decreto con fuerza de ley."""

ANOTHER = LAW | DRAFT | OTHER
"""What begins another citation."""

SUBJECT = _these("""
de del do da con que contra sobre on against sur contre relative conocida llamada denominada
signada known numbered
""")
"""What a law's subject or nickname begins with, where it stands before the number."""

CALLED = _these("como as numbered")

PAPERS = (
    _these("""
acta acuerdo article articulo aviso carta casilla caso causa codigo directiva exp expediente
file formulario informe inscripcion lote multa oficio ordenanza page pagina papeleta partida
peticion registro reglamento resolucion ruc solicitud sentencia telefono ticket
""")
    | ANOTHER
)
"""What bears a number of its own."""

MEASURED = _these("""
000 mil millones millon soles dolares euros dollars reais votos votes firmas signatures
assinaturas
""")
"""What a number that follows the word law counts all the same."""

COUNTED = MEASURED | _these("""
personas people personnes pessoas casos cases cas denuncias complaints plaintes queixas
victimas victims victimes vitimas familias families familles internos presos inmates detenus
motoristas conductores choferes drivers ciudadanos citizens cidadaos citoyens habitantes
trabajadores workers agentes policias expedientes dossiers processos procesos empresas
companies negocios postulantes estudiantes students alumnos vehiculos vehicles multas
hectareas kilometros toneladas visitas usuarios viviendas beneficiarios
""")
"""What a number counts that stands in a list, or is written with a separator."""
