"""The words of a site of all months, beside those of reports, in English and Japanese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attest.report.words import Language, words

EN: Final[dict[str, str]] = {
    "site.title": "{entity}: reserves month by month",
    "site.lead": "Each month the exchange ({origin}) signs what it owes its customers and what it holds for them. Every "
    "attestation was checked when these pages were made, and they say what failed. All files are here, so that anybody "
    "can check again.",
    "site.since": "Months since {first}: {months}. Verified: {verified}.",
    "site.since.unmet": "With something NOT MET: {count}.",
    "site.open": "{count} of {all} steps were left unchecked, or not done to their end. The report says which, and why.",
    "site.newest": "Newest month: {period}",
    "site.newest.report": "Report of this month",
    "site.newest.failed": "No figures of {period} are shown; its row among the months says why. What follows is of "
    "{shown}.",
    "site.newest.none": "There is no month whose figures could be shown.",
    "site.exceptions": "{auditor} reports exceptions: see the report of the month.",
    "site.wrong": "What is wrong",
    "site.wrong.page": "This month has no report. Only the attestation is here, as it was published, so that others can "
    "look into it.",
    "site.months": "Months",
    "site.months.note": "Every month since the first is listed, also one that has no statement.",
    "site.month": "Month",
    "site.gap": "no statement",
    "site.lowest-coverage": "Lowest coverage",
    "site.history": "Over the months",
    "site.history.note": "A month without figures is a gap in the line. The figures stand below each chart.",
    "site.history.first": "There are charts from the second month on.",
    "site.chart.desc": "{months} months, {first} to {last}. The figures are in the table that follows.",
    "site.figures": "Figures",
    "site.amounts": "{asset}: owed and held",
    "site.evidence": "{asset}: evidence of what is held",
    "site.control": "{asset}: who is shown to control it",
    "site.assets": "By asset",
    "site.assets.note": "What is owed and held, its evidence and who controls it, over the months:",
    "site.asset": "{asset} over the months",
    "site.downloads": "Files",
    "site.downloads.note": "All files of a month are on its page, as they were published, byte for byte; "
    "sha256sum -c SHA256SUMS checks them.",
    "site.bundle": "attestation",
    "site.verifier": "Check your own balance",
    "site.verifier.note": "This page verifies an attestation and your own proof on your device, also without a "
    "network. Better than from here, take it from the auditor, and compare its SHA-256:",
    "site.verifier.open": "Open the page",
    "site.roots": "Trust roots",
    "site.roots.note": "They say whose signatures count. Compare the fingerprint, or its 24 words, with one that you "
    "got elsewhere, such as from the auditor or on paper.",
    "site.root": "Trust root {version}",
    "site.how": "How to check it yourself",
    "site.how.month": "One month, with its files in one folder:",
    "site.how.history": "All months, and how they follow one another:",
    "site.how.note": "The program attest reads these files and asks nobody.",
    "site.feed": "Feed of new months (Atom)",
    "site.json": "List of months for programs (JSON)",
    "site.top": "All months",
    "finding.history/month": "The attestation did not verify",
    "finding.unavailable": "The attestation could not be checked to the end",
    "finding.history/equivocation": "There are two different statements of one month or one number in the sequence",
    "finding.history/link": "A statement does not follow the one before it",
    "finding.history/order": "A statement is of an earlier month or time than the one before it",
    "finding.history/name": "The name of the file is not that of the month",
    "finding.history/gap": "A statement is missing",
    "finding.history/unjudged": "What follows could not be judged, because a statement did not verify",
    "finding.history/roots": "Trust roots that came with an attestation do not follow from the one that is trusted",
    "finding.history/not-met": "Something is not as it must be",
    "finding.history/late": "It was issued after the one before it had expired",
    "finding.history/future": "It is dated in the future",
    "finding.history/overdue": "The last attestation has expired, and there is no newer one",
    "finding.other": "Something is wrong",
    "finding.site/lacking": "A file that belongs to this month is not there",
}

JA: Final[dict[str, str]] = {
    "site.title": "{entity}　毎月の準備資産の証明",
    "site.lead": "取引所（{origin}）は毎月、顧客預り資産と準備資産の額に署名しています。すべての証明書を、このサイトの作成時に"
    "検証にかけ、失敗したものはその旨を示しています。ファイルもそろっているので、どなたでも改めて検証できます。",
    "site.since": "{first}以降の{months}か月のうち、検証できたのは{verified}か月分です。",
    "site.since.unmet": "不適合の点がある月：{count}か月",
    "site.open": "{all}の手順のうち{count}つは、検証していないか、最後まで検証できていません。どの手順か、またその理由は、この月の報告にあります。",
    "site.newest": "最新の月：{period}",
    "site.newest.report": "この月の報告",
    "site.newest.failed": "{period}の数字は載せていません。理由は「月の一覧」にあります。以下は{shown}のものです。",
    "site.newest.none": "数字を載せられる月がありません。",
    "site.exceptions": "{auditor}の報告に、例外の指摘があります。その月の報告に載せています。",
    "site.wrong": "問題のある点",
    "site.wrong.page": "この月の報告はありません。ほかの人も調べられるように、証明書だけを、公開されたままの形で載せています。",
    "site.months": "月の一覧",
    "site.months.note": "最初の月から、証明書のない月も含めてすべて並べています。",
    "site.month": "月",
    "site.gap": "証明書なし",
    "site.lowest-coverage": "最も低い比率",
    "site.history": "これまでの推移",
    "site.history.note": "数字のない月は、線が途切れています。数字はグラフの下の表にあります。",
    "site.history.first": "グラフは2か月目から表示します。",
    "site.chart.desc": "{first}から{last}までの{months}か月です。数字は、この後の表にあります。",
    "site.figures": "数字",
    "site.amounts": "{asset}：顧客預り資産と準備資産",
    "site.evidence": "{asset}：準備資産の根拠",
    "site.control": "{asset}：管理の裏付け",
    "site.assets": "資産ごとの推移",
    "site.assets.note": "顧客預り資産と準備資産の額、根拠、管理の裏付けを、資産ごとに月を追って示します。",
    "site.asset": "{asset}の推移",
    "site.downloads": "ファイル",
    "site.downloads.note": "各月のページには、その月のファイルがすべて、公開されたものと1バイトも変わらない形でそろっています。"
    "sha256sum -c SHA256SUMSで確認できます。",
    "site.bundle": "証明書",
    "site.verifier": "自分の残高を検証する",
    "site.verifier.note": "証明書とあなたの包含証明を、お使いの端末の中で検証するページです。ネットワークにつながっていなくても使えます。"
    "ここからではなく監査人から入手し、SHA-256を見比べると、より確かです。",
    "site.verifier.open": "ページを開く",
    "site.roots": "トラストルート",
    "site.roots.note": "誰の署名を有効とするかを定めたものです。監査人や紙の資料など、ほかの場所から入手した指紋、または24の単語と見比べてください。",
    "site.root": "トラストルート（第{version}版）",
    "site.how": "自分で検証する方法",
    "site.how.month": "1か月分（ファイルは1つのフォルダにまとめてください）：",
    "site.how.history": "すべての月と、そのつながり：",
    "site.how.note": "プログラムattestは、これらのファイルだけを読み、どこにも問い合わせません。",
    "site.feed": "新しい月のお知らせ（Atom）",
    "site.json": "プログラム向けの一覧（JSON）",
    "site.top": "すべての月",
    "finding.history/month": "証明書の検証に失敗しました",
    "finding.unavailable": "証明書を最後まで検証できませんでした",
    "finding.history/equivocation": "同じ月、または同じ通し番号に、内容の異なる2つの証明書があります",
    "finding.history/link": "前回の証明書とつながっていません",
    "finding.history/order": "前回の証明書より前の月、または前の時刻のものです",
    "finding.history/name": "ファイル名が、証明書の月と違います",
    "finding.history/gap": "証明書が欠けています",
    "finding.history/unjudged": "検証に失敗した証明書があるため、その後とのつながりを判断できません",
    "finding.history/roots": "証明書に添えられたトラストルートが、信頼しているトラストルートにつながりません",
    "finding.history/not-met": "要件を満たしていない点があります",
    "finding.history/late": "前回の証明書が失効した後に発行されました",
    "finding.history/future": "発行時刻が未来になっています",
    "finding.history/overdue": "最後の証明書が失効していますが、新しい証明書がありません",
    "finding.other": "問題があります",
    "finding.site/lacking": "この月に属するファイルがありません",
}
_STATES: Final = {
    "verified": "verdict.VERIFIED",
    "not-met": "verdict.NOT MET",
    "failed": "verdict.FAILED",
    "not-checked": "verdict.NOT CHECKED",
    "gap": "site.gap",
}
_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": MappingProxyType({**words("en"), **EN}),
    "ja": MappingProxyType({**words("ja"), **JA}),
}


def site_words(lang: Language) -> Mapping[str, str]:
    """The words of reports and sites in a language, by key."""
    return _WORDS[lang]


def verdict(state: str, lang: Language) -> str:
    """The words for the verdict on a month, by the state of its row."""
    return _WORDS[lang][_STATES[state]]
