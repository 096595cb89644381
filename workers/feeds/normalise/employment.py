"""Employment types out of schema.org's list, from the words of several languages."""

import re

from workers.model.listing import EmploymentType

_WORDS: dict[EmploymentType, str] = {
    "FULL_TIME": "fulltime full ft vollzeit tempsplein tempscomplet plein jornadacompleta tiempocompleto completa "
    "tempopieno tempointegral integral voltijd heltid pelnyetat fulltimepermanent permanentfulltime fulltimeemployee "
    "fulltimeemployment fulltimefixedterm",
    "PART_TIME": "parttime part pt teilzeit tempspartiel partiel mediajornada tiempoparcial jornadaparcial parcial "
    "tempoparziale meiotempo deeltijd deltid parttimepermanent permanentparttime parttimeemployee minijob "
    "geringfügig werkstudent workingstudent parttimefixedterm",
    "CONTRACTOR": "contractor contract contracts freelance freelancer freiberuflich freiberufler freiemitarbeit "
    "selbständig independentcontractor independent indépendant consultant contractual contracttohire autónomo "
    "c2c 1099 b2b zzp fulltimecontract contractfulltime contractparttime parttimecontract projectbased",
    "TEMPORARY": "temporary temp fixedterm fixedtermcontract befristet befristeteranstellung cdd temporal zeitarbeit "
    "aushilfe seasonal saisonal saisonnier limited tijdelijk interim intérim contracttemporary determinato",
    "INTERN": "intern internship internships praktikum praktikant stage stagiaire stagiair pasantía prácticas "
    "becario tirocinio estágio praktik trainee traineeship apprenticeship apprentice ausbildung azubi alternance "
    "apprentissage student volontariat",
    "VOLUNTEER": "volunteer volunteering ehrenamt ehrenamtlich bénévolat bénévole voluntario",
    "PER_DIEM": "perdiem prn casual oncall zerohours zerohour",
    "OTHER": "other others sonstige sonstiges autre otro otros",
}
_KEYS: dict[str, EmploymentType] = {word: kind for kind, words in _WORDS.items() for word in words.split()}
_BOTH = {
    "fullorparttime", "fulltimeorparttime", "fullparttime", "fulltimeparttime", "parttimeorfulltime", "vollteilzeit",
    "vollzeitteilzeit", "vollzeitoderteilzeit", "vollundteilzeit", "vollzeitundteilzeit", "volloderteilzeit",
}  # fmt: skip
_SEPARATORS = re.compile(r"[,;|/+&\n]|\s-\s|\s(?:or|oder|ou|o|and|und|et|y)\s", re.IGNORECASE)
_NOT_LETTERS = re.compile(r"[\W_]+")
_ORDER: dict[EmploymentType, int] = {kind: index for index, kind in enumerate(_WORDS)}


def employment_types(texts: list[str]) -> list[EmploymentType]:
    """The types that the texts name, in schema.org's order. Words that name none (permanent) give none."""
    found: set[EmploymentType] = set()
    for text in texts[:20]:
        bounded = text[:200]
        kinds = _kinds(bounded)
        if kinds:
            found.update(kinds)
            continue
        for part in _SEPARATORS.split(bounded):
            found.update(_kinds(part))
    return sorted(found, key=_ORDER.__getitem__)


def _kinds(text: str) -> tuple[EmploymentType, ...]:
    key = _NOT_LETTERS.sub("", text).casefold()
    if key in _BOTH:
        return ("FULL_TIME", "PART_TIME")
    kind = _KEYS.get(key) or _KEYS.get(key.lstrip("0123456789"))
    return (kind,) if kind else ()
