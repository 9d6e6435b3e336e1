//! How far a name, a value or a target goes, eight bytes at a time.
//!
//! Each function flags the bytes of a word that may end the piece, and looks at the lowest one that
//! is flagged. A flag is the high bit of its byte. It may be set wrongly, where a borrow or a carry
//! comes from a byte below, and for bytes that would be too dear to tell apart; never is a byte
//! passed over that ends the piece.

use super::framing::TOKEN;
use super::target::is_plain;

/// Bytes of a token at the beginning of `text`; `None` if it does not end there.
#[inline]
pub(super) fn name_len(text: &[u8]) -> Option<usize> {
    // Letters, digits and the hyphen make nearly all names.
    let odd = |word: u64| {
        let letter = within(word | (ONES * 0x20), b'a', b'z');
        // Not `equal`: what is wrongly flagged here would be passed over.
        let hyphen = within(word, b'-', b'-');
        !(letter | within(word, b'0', b'9') | hyphen) | word
    };
    find(text, odd, |byte| !TOKEN[usize::from(byte)])
}

/// Bytes up to the first control character: it ends a value, or spoils it.
#[inline]
pub(super) fn value_len(text: &[u8]) -> Option<usize> {
    let control = |word: u64| below(word, b' ') | equal(word, DELETE);
    find(text, control, |byte| byte.is_ascii_control())
}

/// Bytes of a target up to the first one that is not [plain](is_plain).
#[inline]
pub(super) fn plain_len(text: &[u8]) -> Option<usize> {
    // Quote and fragment mark differ in one bit; angle brackets, equals and question mark in two.
    let odd = |word: u64| {
        let quote = equal(word | ONES, b'#');
        let bracket = equal(word | (ONES * 3), b'?');
        below(word, b'!') | equal(word, DELETE) | quote | bracket | word
    };
    find(text, odd, |byte| !is_plain(byte))
}

/// The first byte that `ends` says yes to; it is asked of bytes that are flagged.
#[inline]
fn find(text: &[u8], flags: impl Fn(u64) -> u64, ends: impl Fn(u8) -> bool) -> Option<usize> {
    let mut done = 0;
    loop {
        let (words, tail) = text[done..].as_chunks::<8>();
        let mut flagged = words
            .iter()
            .map(|word| flags(u64::from_le_bytes(*word)) & HIGH);
        let Some((at, flag)) = (0..).zip(&mut flagged).find(|&(_, flag)| flag != 0) else {
            done = text.len() - tail.len();
            return Some(done + tail.iter().position(|&byte| ends(byte))?);
        };
        done += at * 8 + flag.trailing_zeros() as usize / 8;
        if ends(text[done]) {
            return Some(done);
        }
        done += 1;
    }
}

/// Flags bytes below a limit of at most 128, none from 128 on, and some above a flagged one.
#[inline]
const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * limit as u64) & !word
}

/// Flags bytes equal to one below 128.
#[inline]
const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * byte as u64), 1)
}

/// Flags bytes of a range below 128, and exactly those; of bytes from 128 on it says nothing.
#[inline]
const fn within(word: u64, first: u8, last: u8) -> u64 {
    let low = word & !HIGH;
    (low + ONES * (128 - first as u64)) & !(low + ONES * (127 - last as u64))
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = ONES * 0x80;
const DELETE: u8 = 0x7f;

#[cfg(test)]
mod tests {
    use super::*;

    /// A function, and which bytes end what it measures.
    type Row = (fn(&[u8]) -> Option<usize>, fn(u8) -> bool);

    const ROWS: &[Row] = &[
        (name_len, |byte| !TOKEN[usize::from(byte)]),
        (value_len, |byte| byte.is_ascii_control()),
        (plain_len, |byte| !is_plain(byte)),
    ];

    #[test]
    fn a_piece_ends_where_a_look_at_each_byte_says() {
        for &(len_of, ends) in ROWS {
            let fillers: Vec<u8> = (0..=255).filter(|&byte| !ends(byte)).collect();
            for len in 0..80 {
                let piece: Vec<u8> = fillers
                    .iter()
                    .copied()
                    .cycle()
                    .skip(len * 7)
                    .take(len)
                    .collect();
                assert_eq!(len_of(&piece), None, "{piece:?}");
                for end in (0..=255).filter(|&byte| ends(byte)) {
                    for behind in [0, b'a', 0x80, 0xff] {
                        let mut text = piece.clone();
                        text.push(end);
                        assert_eq!(len_of(&text), Some(len), "{text:?}");
                        text.extend_from_slice(&[behind; 9]);
                        assert_eq!(len_of(&text), Some(len), "{text:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn neighbours_do_not_hide_an_end() {
        // Every pair of bytes at every place of a word: borrows and carries go upwards.
        for &(len_of, ends) in ROWS {
            for first in 0..=255 {
                for second in 0..=255 {
                    for at in 0..7 {
                        let mut text = [b'a'; 16];
                        (text[at], text[at + 1]) = (first, second);
                        let expected = text.iter().position(|&byte| ends(byte));
                        assert_eq!(len_of(&text), expected, "{text:?}");
                    }
                }
            }
        }
    }
}
