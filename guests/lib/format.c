/* format.c: formatted text without a C library, into a buffer of known size. */
#include "format.h"
#include "string.h"

struct output {
	char *buffer;
	u64 size;
	u64 length; /* of the whole text, even where it does not fit */
};

/* What stands between the % and the letter of a conversion. */
struct spec {
	bool left;
	bool zero;
	bool is_long;
	u64 width;
};

enum { DIGITS = 20 }; /* of 2^64 in decimal */

static void put(struct output *out, char c)
{
	if (out->length + 1 < out->size)
		out->buffer[out->length] = c;
	out->length++;
}

static void pad(struct output *out, char c, u64 used, u64 width)
{
	for (; used < width; used++)
		put(out, c);
}

static void put_text(struct output *out, const struct spec *spec, const char *text, u64 length)
{
	if (!spec->left)
		pad(out, ' ', length, spec->width);
	for (u64 i = 0; i < length; i++)
		put(out, text[i]);
	if (spec->left)
		pad(out, ' ', length, spec->width);
}

static void put_number(struct output *out, const struct spec *spec, u64 value, u64 base,
		       bool negative)
{
	char digits[DIGITS + 1];
	u64 start = sizeof(digits);

	do {
		digits[--start] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	if (spec->zero && !spec->left) {
		if (negative)
			put(out, '-');
		pad(out, '0', sizeof(digits) - start + negative, spec->width);
		while (start < sizeof(digits))
			put(out, digits[start++]);
		return;
	}
	if (negative)
		digits[--start] = '-';
	put_text(out, spec, digits + start, sizeof(digits) - start);
}

static const char *parse_spec(struct spec *spec, const char *f)
{
	*spec = (struct spec){0};
	for (;; f++) {
		if (*f == '-')
			spec->left = true;
		else if (*f == '0')
			spec->zero = true;
		else
			break;
	}
	for (; *f >= '0' && *f <= '9'; f++)
		spec->width = spec->width * 10 + (u64)(*f - '0');
	for (; *f == 'l'; f++)
		spec->is_long = true;
	return f;
}

int vsnprintf(char *buffer, u64 size, const char *format, va_list arguments)
{
	struct output out = {buffer, size, 0};
	struct spec spec;
	const char *text;
	s64 value;
	char c;

	for (const char *f = format; *f != '\0'; f++) {
		if (*f != '%') {
			put(&out, *f);
			continue;
		}
		f = parse_spec(&spec, f + 1);
		switch (*f) {
		case 'd':
			value = spec.is_long ? va_arg(arguments, s64) : va_arg(arguments, s32);
			put_number(&out, &spec, value < 0 ? -(u64)value : (u64)value, 10, value < 0);
			break;
		case 'u':
		case 'x':
			put_number(&out, &spec,
				   spec.is_long ? va_arg(arguments, u64) : va_arg(arguments, u32),
				   *f == 'u' ? 10 : 16, false);
			break;
		case 'p':
			put(&out, '0');
			put(&out, 'x');
			put_number(&out, &spec, va_arg(arguments, u64), 16, false);
			break;
		case 'c':
			c = (char)va_arg(arguments, int);
			put_text(&out, &spec, &c, 1);
			break;
		case 's':
			text = va_arg(arguments, const char *);
			text = text != NULL ? text : "(null)";
			put_text(&out, &spec, text, strlen(text));
			break;
		case '%':
			put(&out, '%');
			break;
		default: /* unknown: shown as it stands, so that the mistake is seen */
			put(&out, '%');
			if (*f == '\0')
				f--;
			else
				put(&out, *f);
		}
	}
	if (size > 0)
		buffer[out.length < size ? out.length : size - 1] = '\0';
	return (int)out.length;
}

int snprintf(char *buffer, u64 size, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(buffer, size, format, arguments);
	va_end(arguments);
	return length;
}
