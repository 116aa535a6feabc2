"""Templates and near-duplicates: those that comparing every pair finds, however the work is cut."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compare.prepare import near_duplicate_keys
from tests import plain
from tests.plain import template
from textrnn.dedup import near_duplicates, template_words, word_sets
from textrnn.dedup.near_duplicates import Entries
from textrnn.dedup.pieces import near_duplicates as connected
from textrnn.dedup.templates import templates
from textrnn.dedup.word_sets import SHORT, Ints, Sets, Sketches
from textrnn.partitions.exchange import shared

WORDS = [f"{first}{second}" for first in "abcdefg" for second in "xyz"]
UNSPACED = ["中", "文字", "a中文", "ที่น้ำ", "かな漢字", "x"]


def test_messages_have_the_same_template_if_they_fill_in_one_with_other_numbers_links_and_punctuation() -> None:
    for one, other in (
        ("call 12345 now", "call 987 now"),
        ("win £1.50", "win €2,000.75!"),
        ("ends 12/05/2031 at 10:30 or 9", "ends 1-6-31 at 7.15 or 12:00"),
        ("go to http://a.example/b?c=d now", "go to www.other.example now"),
        ("see HTTPS://A.example", "see www.b.example/x,y,z"),
        ("STRASSE", "straße"),
        ("win  a\tcruise ", " win a cruise"),
        ("win_a cruise!!!", "win... a -- cruise?"),
        ("don't", "don t"),
        ("no line\u2028end", "no line end"),
    ):
        assert template(one) == template(other)
    different = ["call 1 now", "call now", "win 1st prize", "win a prize", "go to www.a.example", "go to", "ab", "a b"]
    different += ["!!!", "???", "", "!", "中文", "中国"]
    assert len({template(text) for text in different}) == len(different)


@settings(max_examples=60)
@given(st.lists(st.text() | st.text("aA1. :/w£_'\u2028ſİß"), max_size=20))
@example(["http://a.example/b c", "HTTPſ://x", "www.a.example", "1 2:3-4", "__", "", " ", "ŉ'ΐ"])
def test_templates_found_piece_by_piece_are_those_of_whole_texts(texts: list[str]) -> None:
    masked = [template(text) for text in texts]
    assert templates(texts) == masked
    assert [bool(one) for one in masked] == [bool(text) for text in texts]


def test_templates_are_near_duplicates_from_four_words_in_five() -> None:
    for one, other, near in (
        ("win a big red car now", "win a big red car today", False),  # 5 of 7 words
        ("win a big red car", "win a big red car now", True),  # 5 of 6
        ("win a big red", "win a big red car", True),  # 4 of 5: exactly 0.8
        ("win a big", "win a big red", False),  # 3 of 4
        ("win a big red car now", "NOW, car: red! big £5 a win", True),  # the price is a word too: 6 of 7
    ):
        first, second = near_duplicate_keys([one, other])
        assert (first == second) == near


# Six sentences, each to be filled in with a name, and twenty names.
SENTENCES = {
    "English": (
        "Dear {}, your parcel is on its way, please stay at home",
        "Congratulations {}, our shop has drawn your number for the prize",
        "Good morning {}, the dentist has to move your appointment to Friday",
        "Hello {}, somebody tried to log in from another phone tonight",
        "{} has invited the whole street to a garden party next Saturday",
        "The train that {} wanted to take is cancelled because of snow",
    ),
    "Chinese": (
        "{}您好，您的包裹已经在路上，请您在家等候",
        "恭喜{}，本店已经抽中了您的号码，请来领奖",
        "早上好{}，牙医需要把您的预约改到星期五",
        "您好{}，今晚有人试图用另一部手机登录账户",
        "{}邀请整条街的邻居下周六参加花园聚会",
        "因为大雪，{}想要乘坐的火车已经取消了",
    ),
    "Japanese": (
        "{}様、荷物を発送しました。ご自宅でお待ちください",
        "おめでとうございます、{}さん。抽選で番号が当たりました",
        "おはようございます、{}さん。歯医者の予約が金曜日に変わりました",
        "{}様、今夜別の端末からログインがありました",
        "来週の土曜日に{}さんの庭でパーティーがあります",
        "雪のため{}さんが乗る予定の電車は運休です",
    ),
    "Thai": (
        "เรียนคุณ{} พัสดุของคุณกำลังเดินทาง กรุณารออยู่ที่บ้าน",
        "ยินดีด้วยคุณ{} ร้านของเราจับได้หมายเลขของคุณ",
        "สวัสดีตอนเช้าคุณ{} หมอฟันขอเลื่อนนัดของคุณเป็นวันศุกร์",
        "คุณ{} คืนนี้มีคนพยายามเข้าสู่ระบบจากโทรศัพท์เครื่องอื่น",
        "คุณ{}เชิญเพื่อนบ้านทั้งซอยมางานเลี้ยงในสวนวันเสาร์หน้า",
        "รถไฟที่คุณ{}จะขึ้นถูกยกเลิกเพราะน้ำท่วม",
    ),
    "Khmer": (
        "សូមជម្រាបជូន{} ទំនិញរបស់អ្នកកំពុងមកដល់ សូមរង់ចាំនៅផ្ទះ",
        "សូមអបអរសាទរ{} ហាងរបស់យើងបានចាប់ឆ្នោតត្រូវលេខរបស់អ្នក",
        "អរុណសួស្តី{} ពេទ្យធ្មេញសូមប្តូរម៉ោងណាត់របស់អ្នកទៅថ្ងៃសុក្រ",
        "{} យប់នេះមានគេព្យាយាមចូលគណនីពីទូរស័ព្ទផ្សេង",
        "{}អញ្ជើញអ្នកជិតខាងទាំងអស់មកជប់លៀងក្នុងសួនថ្ងៃសៅរ៍ក្រោយ",
        "រថភ្លើងដែល{}ចង់ជិះត្រូវបានលុបចោលដោយសារទឹកជំនន់",
    ),
}
NAMES = {
    "English": "Ada Ben Carla David Emma Frank Grace Henry Ida Jonas Kate Liam Mona Noah Olga Paul Ruth Simon Tina Ugo",
    "Chinese": "王伟 李娜 张秀英 刘洋 陈静 杨丽 赵国强 黄磊 周敏 吴建华 徐霞 孙鹏 胡志明 朱红 高峰 "
    "林晓梅 何勇 郭玉兰 马超 罗婷",
    "Japanese": "佐藤 鈴木 高橋健 田中 伊藤 渡辺 山本翔 中村 小林 加藤愛 吉田 山田 佐々木 山口 "
    "松本 井上 木村蓮 林 斎藤 清水",
    "Thai": "สมชาย มาลี วิชัย ปราณี สุดา นิรันดร์ อรุณ กมล จันทรา ธนา พรทิพย์ รัตนา ศักดิ์ชัย อุไร เดชา แก้ว ไพศาล โสภา ณรงค์ บุญมี",
    "Khmer": "សុខា ច័ន្ទ វណ្ណា បូរី សុភាព រតនា ពិសិដ្ឋ ដារ៉ា ម៉ាលី ធីតា កញ្ញា វិចិត្រ សំណាង ស្រីមុំ បុប្ផា នារី ភក្តី ហេង លក្ខណា គន្ធា",
}  # fmt: skip


@pytest.mark.parametrize("language", SENTENCES)
def test_sentences_with_other_names_are_near_duplicates_with_and_without_blanks(language: str) -> None:
    names = NAMES[language].split()
    texts = [sentence.format(name) for sentence in SENTENCES[language] for name in names]
    assert len(names) == 20
    keys = near_duplicate_keys(texts)
    assert len(set(keys)) == 6
    assert [len(set(keys[start : start + 20])) for start in range(0, 120, 20)] == [1] * 6


def test_without_blanks_pairs_of_neighbouring_characters_are_compared() -> None:
    for one, other, near in (
        ("这家店的面条很好吃", "这家店的面包很好吃", False),
        ("服务态度不好", "服务态度很好", False),
        ("味道不错，下次还会再来", "味道不错下次还会再来！", True),
        ("很好很好很好", "好很", False),
        ("我爱你", "你爱我", False),  # the same characters
        ("中", "中！", True),
        ("中 win a big red", "win a big red car 中", True),  # mostly words: 5 of 6
        ("हिन्दी में लिखा संदेश यहाँ", "हन्दू मैं लिखो संदश यह", False),  # vowel signs are of the word
    ):
        first, second = near_duplicate_keys([one, other])
        assert (first == second) == near, one


def near(sets: Sets, folder: Path, unspaced: Sequence[bool] = ()) -> list[int]:
    """Return the lowest number of the sets connected to each, found in two pieces. No file may be left."""
    parents = np.arange(len(sets.offsets) - 1)
    kinds = np.array(unspaced or [False] * len(parents))
    with shared(folder) as place:
        connected([0], lambda _: (sets, 0, kinds), parents, 2, place / "pieces")
    assert list(folder.iterdir()) == []
    return [int(root) for root in word_sets.roots(parents, np.arange(len(parents)))]


def reworded(originals: list[list[str]]) -> st.SearchStrategy[list[str]]:
    """Return texts, each of which is one of the originals without a few words and with others."""
    left_out, put_in = st.sets(st.integers(0, 13), max_size=2), st.lists(st.sampled_from(WORDS + UNSPACED), max_size=2)
    text = st.builds(
        lambda words, without, more: " ".join([w for place, w in enumerate(words) if place not in without] + more),
        st.sampled_from(originals), left_out, put_in,
    )  # fmt: skip
    return st.lists(text, min_size=1, max_size=40)


ORIGINALS = st.lists(
    st.lists(st.sampled_from(WORDS), max_size=14) | st.lists(st.sampled_from(UNSPACED), max_size=14),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60)
@given(texts=ORIGINALS.flatmap(reworded), sizes=st.sampled_from([(150_000, 200_000), (15, 3)]))
@example(texts=["", " ", "!", "! !", "a"], sizes=(15, 3))
@example(texts=["a b", "b a", "a a b", "b"], sizes=(15, 3))
@example(texts=[f"common words in all of them {word}" for word in WORDS], sizes=(15, 3))
@example(texts=[f"我们的邻居都是好人{word}" for word in WORDS + UNSPACED], sizes=(15, 3))
def test_near_duplicates_are_those_that_comparing_every_pair_finds(texts: list[str], sizes: tuple[int, int]) -> None:
    words, pairs = sizes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(template_words, "WORDS", words)
        patch.setattr(word_sets, "PAIRS", pairs)
        assert near_duplicate_keys(texts) == plain.near_duplicate_keys(texts)


def test_sets_that_share_only_common_words_are_not_all_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has two words of its own, which three others have too, and five that a tenth of all have."""
    rng = np.random.default_rng(0)
    rare = np.argsort(rng.random((2000, 1000)), axis=1)[:, :2]
    common = 1000 + np.argsort(rng.random((2000, 50)), axis=1)[:, :5]
    rows = np.sort(np.hstack([rare, common]), axis=1)
    compared = 0
    unite_near = word_sets.unite_near

    def counting(sets: Sets, marks: Sketches, one: Ints, other: Ints, parents: Ints) -> None:
        nonlocal compared
        compared += len(one)
        unite_near(sets, marks, one, other, parents)

    monkeypatch.setattr(near_duplicates, "unite_near", counting)
    sets = Sets(rows.ravel().astype(np.int32), np.arange(0, rows.size + 1, 7))
    assert len(set(near(sets, tmp_path))) == len({tuple(row) for row in rows.tolist()})
    assert compared < 20 * len(rows)


def test_sets_that_share_a_footer_of_rare_words_are_not_divided_by_every_combination_of_these(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has 15 words of its own, 60 that are all sets', and 30 of 200; 1 to 7 words of the footer may be lacking."""
    count, rng = 100, np.random.default_rng(0)
    own, footer = np.arange(15 * count).reshape(count, -1), np.tile(15 * count + np.arange(60), (count, 1))
    some = 15 * count + 60 + np.sort(np.argsort(rng.random((count, 200)), axis=1)[:, :30], axis=1)
    rows = np.hstack([own, footer, some])
    rows[1] = np.append(rows[0, 1:], 10_000)
    divided = 0
    extended = near_duplicates.extended

    def counting(sets: Sets, entries: Entries, shared: int) -> Entries:
        nonlocal divided
        divided += len(entries.sets)
        assert divided < 200 * count
        return extended(sets, entries, shared)

    monkeypatch.setattr(near_duplicates, "extended", counting)
    sets = Sets(rows.ravel().astype(np.int32), np.arange(0, rows.size + 1, rows.shape[1]))
    assert near(sets, tmp_path) == [0, 0, *range(2, count)]


def test_a_sketch_tells_apart_only_sets_that_are_no_near_duplicates() -> None:
    rng = np.random.default_rng(0)
    rows = [np.unique(rng.integers(0, 5000, size)) for size in (1, 9, 100, 3000) for _ in range(9)]
    sets = Sets(np.concatenate(rows).astype(np.int32), np.cumsum([0, *map(len, rows)]))
    marks = word_sets.sketches(sets)
    for (one, first), (other, second) in combinations(zip(rows, marks, strict=True), 2):
        assert np.bitwise_count(first ^ second).sum() <= len(np.setxor1d(one, other))
    assert marks.any(axis=1).all()


def test_long_sets_of_unspaced_script_need_four_pairs_in_five(tmp_path: Path) -> None:
    for size, found in ((20, True), (SHORT - 5, True), (SHORT + 30, False)):
        rows = np.array([np.arange(size), np.arange(size) + size // 6])  # about three in four
        sets = Sets(rows.ravel().astype(np.int32), np.arange(0, rows.size + 1, size))
        assert (len(set(near(sets, tmp_path, [True, True]))) == 1) == found
        assert len(set(near(sets, tmp_path, [True, False]))) == 2, "a spaced one"


def test_a_chain_of_sets_each_near_to_the_next_is_one_group(tmp_path: Path) -> None:
    rows = np.arange(300)[:, None] + np.arange(20)
    sets = Sets(rows.ravel().astype(np.int32), np.arange(0, rows.size + 1, 20))
    assert set(near(sets, tmp_path)) == {0}
