"""The rendered camera: a scripted hand, its look, its pictures and their exact truth."""
