//! Digits of five by seven dots, enough for a number and a score.

/// Dots of a character from top to bottom.
pub(super) const HEIGHT: i32 = 7;
/// Dots of a character from left to right.
const WIDTH: i32 = 5;

/// The rows of a character from the top; bit 4 is the left column.
fn glyph(c: char) -> [u8; 7] {
    match c {
        '0' => [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
        '1' => [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        '2' => [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111],
        '3' => [0b01110, 0b10001, 0b00001, 0b00110, 0b00001, 0b10001, 0b01110],
        '4' => [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
        '5' => [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
        '6' => [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110],
        '7' => [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000],
        '8' => [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110],
        '9' => [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
        '.' => [0, 0, 0, 0, 0, 0b01100, 0b01100],
        '-' => [0, 0, 0, 0b11111, 0, 0, 0],
        _ => [0; 7],
    }
}

/// Dots that a text is wide, with one between characters.
pub(super) fn width(text: &str) -> i32 {
    (text.chars().count() as i32 * (WIDTH + 1) - 1).max(0)
}

/// The places of a text's dots, from its left upper corner.
pub(super) fn dots(text: &str) -> impl Iterator<Item = (i32, i32)> + '_ {
    text.chars().zip(0..).flat_map(|(c, place)| {
        glyph(c).into_iter().zip(0..).flat_map(move |(row, y)| {
            (0..WIDTH).filter(move |x| row >> (WIDTH - 1 - x) & 1 == 1).map(move |x| (place * (WIDTH + 1) + x, y))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_differ_and_stay_in_their_cells() {
        let all: Vec<Vec<(i32, i32)>> = "0123456789.-".chars().map(|c| dots(&c.to_string()).collect()).collect();
        for (i, one) in all.iter().enumerate() {
            assert!(!one.is_empty() && one.iter().all(|(x, y)| (0..WIDTH).contains(x) && (0..HEIGHT).contains(y)));
            assert!(all[..i].iter().all(|other| other != one));
        }
        assert_eq!(width("1 0.97"), 6 * 6 - 1);
        assert_eq!(width(""), 0);
    }
}
