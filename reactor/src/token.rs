//! `Token`: the 64-bit word that the selector hands back with every event.
//!
//! ```text
//!  63                     32 31                  8 7       0
//! +-------------------------+---------------------+---------+
//! |          index          |     generation      |  kind   |
//! +-------------------------+---------------------+---------+
//! ```
//!
//! The index finds the source's slot, the generation says whether the slot still belongs to the
//! registration that the event was meant for, the kind says what to do with the event at all.

/// How many bits of generation there are. Under loom so few that models run over the wrap.
pub(crate) const GENERATION_BITS: u32 = if cfg!(loom) { 2 } else { 24 };

/// The highest generation; the next one is 1, since 0 is that of zeroed memory.
pub(crate) const GENERATION_MAX: u32 = (1 << GENERATION_BITS) - 1;

const INDEX_SHIFT: u32 = 32;
const GENERATION_SHIFT: u32 = 8;
const GENERATION_FIELD: u64 = 0xff_ffff;
const KIND_FIELD: u64 = 0xff;

/// The word of an event: index, generation and kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(u64);

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An edge-triggered source.
    Edge,
    /// A level-triggered source.
    Level,
    /// The reactor's own notification.
    Notify,
    /// The alarm that this reactor watches together with others.
    Alarm,
}

impl Token {
    /// The token of the reactor's own notification.
    pub(crate) const NOTIFY: Self = Self(Kind::Notify as u64);

    /// The token of the alarm.
    pub(crate) const ALARM: Self = Self(Kind::Alarm as u64);

    /// The token of a source of the given kind.
    pub(crate) const fn new(index: u32, generation: u32, kind: Kind) -> Self {
        debug_assert!(generation <= GENERATION_MAX);
        Self((index as u64) << INDEX_SHIFT | (generation as u64) << GENERATION_SHIFT | kind as u64)
    }

    /// The token inside a word that the selector handed back.
    pub(crate) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// The word to hand to the selector.
    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    /// The slot's number.
    pub(crate) const fn index(self) -> u32 {
        (self.0 >> INDEX_SHIFT) as u32
    }

    /// The slot's generation when the descriptor was registered.
    pub(crate) const fn generation(self) -> u32 {
        ((self.0 >> GENERATION_SHIFT) & GENERATION_FIELD) as u32
    }

    /// What the event is about.
    pub(crate) const fn kind(self) -> Kind {
        match self.0 & KIND_FIELD {
            0 => Kind::Edge,
            1 => Kind::Level,
            2 => Kind::Notify,
            _ => Kind::Alarm,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_touch_each_other() {
        for index in [0, 1, 63, 0x8000_0000, u32::MAX] {
            for generation in [0, 1, 0x80_0000, GENERATION_MAX] {
                for kind in [Kind::Edge, Kind::Level, Kind::Notify] {
                    let token = Token::from_word(Token::new(index, generation, kind).word());
                    assert_eq!(token.index(), index);
                    assert_eq!(token.generation(), generation);
                    assert_eq!(token.kind(), kind);
                }
            }
        }
        assert_eq!(Token::NOTIFY.kind(), Kind::Notify);
        assert_eq!(Token::ALARM.kind(), Kind::Alarm);
    }
}
