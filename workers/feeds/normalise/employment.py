"""Employment types out of schema.org's list, from the words of several languages."""

import re

from workers.model.listing import EmploymentType

# Letters only, in lower case: English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, and some Nordic.
_WORDS: dict[EmploymentType, str] = {
    "FULL_TIME": "fulltime full ft vollzeit inganztags ganztags ganztägig tempsplein tempscomplet pleintemps plein "
    "jornadacompleta tiempocompleto completa completo tempopieno fulltimetempopieno tempointegral períodointegral "
    "integral tempocompleto voltijd voltijds fulltimevoltijd heltid kokopäiväinen pełnyetat pelnyetat pełenetat "
    "fulltimepermanent permanentfulltime fulltimeemployee fulltimeemployment fulltimeregular "
    "regularfulltime vollzeitfestanstellung festanstellungvollzeit cditempsplein",
    "PART_TIME": "parttime part pt teilzeit halbtags tempspartiel mitemps partiel mediajornada medialjornada "
    "tiempoparcial jornadaparcial parcial tempoparziale tempoparcial meiotempo meioperíodo parziale deeltijd deeltijds "
    "deltid część częśćetatu niepełnyetat półetatu parttimepermanent permanentparttime parttimeemployee minijob "
    "geringfügig geringfügigebeschäftigung werkstudent werkstudentin workingstudent parttimeregular",
    "CONTRACTOR": "contractor contract contracts freelance freelancer freiberuflich freiberufler freiemitarbeit "
    "freiermitarbeiter selbständig selbstständig independentcontractor independent indépendant autoentrepreneur "
    "consultant contractual contracttohire autónomo porcuentapropia partitaiva liberoprofessionista "
    "prestaçãodeserviços pj c2c 1099 b2b zzp zzper zelfstandige kontraktb2b umowazlecenie umowaodzieło konsult "
    "projectbased",
    "TEMPORARY": "temporary temp fixedterm fixedtermcontract befristet befristeteranstellung befristetervertrag cdd "
    "temporal contratotemporal eventual zeitarbeit aushilfe saisonarbeit ferienjob seasonal saisonal saisonnier "
    "stagionale estacional limited tijdelijk tijdelijkcontract interim intérim intérimaire uitzendkracht "
    "contracttemporary determinato tempodeterminato contrattodeterminato temporário contratoatermo "
    "umowanaczasokreślony tymczasowa pracatymczasowa tidsbegrænset vikariat visstid",
    "INTERN": "intern internship internships praktikum praktikant praktikantin pflichtpraktikum stage stagiaire "
    "stagiair pasantía pasante prácticas becario beca tirocinio tirocinante estágio estagiário estagio staż stażysta "
    "praktyki praktyka praktik trainee traineeship traineeprogramm apprenticeship apprentice ausbildung azubi "
    "ausbildungsplatz alternance apprentissage apprenti apprendistato aprendiz formación leerling student volontariat "
    "jovemaprendiz",
    "VOLUNTEER": "volunteer volunteering ehrenamt ehrenamtlich bénévolat bénévole voluntario voluntariado voluntário "
    "volontario volontariato vrijwilliger vrijwilligerswerk wolontariat wolontariusz frivillig",
    "PER_DIEM": "perdiem prn casual oncall zerohours zerohour zerohourscontract oproepkracht oproepcontract",
    "OTHER": "other others sonstige sonstiges andere autre autres otro otros altro outro outros overig overige inne "
    "annat",
}
_KEYS: dict[str, EmploymentType] = {word: kind for kind, words in _WORDS.items() for word in words.split()}
_BOTH = {
    "fullorparttime", "fulltimeorparttime", "fullparttime", "fulltimeparttime", "parttimeorfulltime", "vollteilzeit",
    "vollzeitteilzeit", "teilzeitvollzeit", "teilzeitodervollzeit",
    "vollzeitoderteilzeit", "vollundteilzeit", "vollzeitundteilzeit", "volloderteilzeit",
}  # fmt: skip
_AMOUNTS: dict[EmploymentType, str] = {"FULL_TIME": "fulltime vollzeit", "PART_TIME": "parttime teilzeit"}
_TERMS: dict[EmploymentType, str] = {
    "CONTRACTOR": "contract contractor freelance",
    "TEMPORARY": "temporary temp fixedterm befristet",
    "INTERN": "internship intern praktikum",
}
# "Full-time contract", "fulltime_fixed_term": how much, and on which terms.
_PAIRS: dict[str, tuple[EmploymentType, ...]] = {
    key: (first, second)
    for first, amounts in _AMOUNTS.items()
    for amount in amounts.split()
    for second, words in _TERMS.items()
    for word in words.split()
    for key in (amount + word, word + amount)
}
_SEPARATORS = re.compile(r"[,;|/+&\n]|\s-\s|\s(?:or|oder|ou|o|of|and|und|et|y|e|en|i|lub)\s", re.IGNORECASE)
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
    if key in _PAIRS:
        return _PAIRS[key]
    kind = _KEYS.get(key) or _KEYS.get(key.lstrip("0123456789"))
    return (kind,) if kind else ()
