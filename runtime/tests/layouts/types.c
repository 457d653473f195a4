/* What `types.rs` says, in C. clang describes an enum well only where its width is no typedef. */
typedef _Bool bool;
typedef signed char i8;
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

struct Leaf;

struct Node {
	const struct Node *next;
	const struct Leaf *leaf;
	struct Leaf *owned;
	struct Node *row[3];
	u8 short_;
	u64 long_;
	struct Node *shared;
};

struct Leaf {
	const struct Node *owner;
	u16 grid[2][3];
};

union Word {
	u64 whole;
	u32 halves[2];
	u8 bytes[8];
};

enum Wide : long long {
	Wide_Least = -0x7fffffffffffffffLL - 1,
	Wide_Zero = 0,
	Wide_Most = 0x7fffffffffffffffLL,
};

enum Mask : unsigned long long {
	Mask_None = 0,
	Mask_High = 1ULL << 63,
	Mask_All = ~0ULL,
};

enum Small : unsigned char {
	Small_First,
	Small_Last = 255,
};

enum Signed : short {
	Signed_Minus = -5,
	Signed_Plus = 5,
};

struct pair_of_numbers {
	u8 first;
	u64 second;
	const struct pair_of_numbers *again;
};

struct Leaves {
	u32 first;
	struct Leaf second[2];
	const struct Leaves *again;
};

struct Ring4 {
	u32 head;
	enum Small slots[4];
};

struct Ring3 {
	u32 head;
	struct pair_of_numbers slots[3];
};

struct All {
	struct Node node;
	union Word word;
	enum Wide wide;
	enum Mask mask;
	enum Small small;
	enum Signed signed_;
	u32 height;
	u32 heights[3][2];
	const struct Node *handle;
	struct pair_of_numbers numbers;
	struct Leaves leaves;
	struct Ring4 ring4;
	struct Ring3 ring3;
	bool flag;
	i8 letter;
	float float_;
	double double_;
	u8 odd[3];
	union Word words[2];
} all;
