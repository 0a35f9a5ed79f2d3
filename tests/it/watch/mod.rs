//! Watching a camera: visits, their answers, and that nobody is taken for somebody else.

mod events;
mod film;
mod laws;
mod people;
mod stage;
