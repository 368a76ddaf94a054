/* checksum.c: CRC-32 by table and Adler-32 of a buffer: a load or two for each byte, short loops. */

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

#define SIZE 16384

static u8 buffer[SIZE];
static u32 table[256];

static void make_table(void)
{
	for (u32 i = 0; i < 256; i++) {
		u32 crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (0xedb88320 & -(crc & 1));
		table[i] = crc;
	}
}

__attribute__((noinline)) static u32 crc32(const u8 *data, u64 size)
{
	u32 crc = 0xffffffff;

	for (u64 i = 0; i < size; i++)
		crc = (crc >> 8) ^ table[(crc ^ data[i]) & 0xff];
	return ~crc;
}

__attribute__((noinline)) static u32 adler32(const u8 *data, u64 size)
{
	u32 a = 1, b = 0;

	for (u64 i = 0; i < size; i++) {
		a = (a + data[i]) % 65521;
		b = (b + a) % 65521;
	}
	return b << 16 | a;
}

u64 bench(u64 rounds)
{
	u64 sum = 0;

	make_table();
	for (u64 i = 0; i < SIZE; i++)
		buffer[i] = (u8)(i * 37 + (i >> 7));
	for (u64 round = 0; round < rounds; round++) {
		buffer[round % SIZE]++;
		sum = sum * 31 + crc32(buffer, SIZE) + adler32(buffer, SIZE);
	}
	return sum;
}
