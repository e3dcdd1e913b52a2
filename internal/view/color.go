package view

import "strings"

// painter adds ANSI colours, or nothing if it is false.
type painter bool

const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	blue   = "\x1b[34m"
	cyan   = "\x1b[36m"
	reset  = "\x1b[0m"
)

func (p painter) paint(color, text string) string {
	if !p || color == "" || text == "" {
		return text
	}
	return color + text + reset
}

// status colours a text by the icon of its state.
func (p painter) status(icon, text string) string {
	colors := map[string]string{
		iconGood: green, iconBad: red, iconPaused: yellow, iconBusy: cyan, iconWarn: yellow, iconUnknown: yellow,
	}
	return p.paint(colors[icon], text)
}

// roles colours each role of a list.
func (p painter) roles(list, separator string) string {
	if !p || list == "" {
		return list
	}
	colors := map[string]string{
		RoleStable: green, RoleActive: green, RoleCanary: yellow, RolePreview: blue,
	}
	parts := strings.Split(list, separator)
	for i, role := range parts {
		parts[i] = p.paint(colors[role], role)
	}
	return strings.Join(parts, separator)
}

// image colours the roles behind an image.
func (p painter) image(i Image) string {
	if len(i.Roles) == 0 {
		return i.Name
	}
	return i.Name + " (" + p.roles(strings.Join(i.Roles, ", "), ", ") + ")"
}
